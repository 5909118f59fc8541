import { ButtonLink } from "../components/Button";
import { PageHeader } from "../components/PageHeader";

export function NotFoundPage() {
  return (
    <>
      <PageHeader title="Not found" description="There is nothing here, or it is not yours to see." />
      <div>
        <ButtonLink variant="quiet" to="/">
          Go to the start
        </ButtonLink>
      </div>
    </>
  );
}
