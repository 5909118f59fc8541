import { Link } from "react-router";

import { APP_DESCRIPTION, APP_TITLE } from "../app-info";
import { useSession } from "../auth/session";
import { ButtonLink } from "../components/Button";
import { LeafIcon, NextIcon } from "../components/icons";
import { COLLECTIONS } from "../navigation";

export function HomePage() {
  const { user } = useSession();
  const collections = COLLECTIONS.filter(({ isPublic }) => isPublic || user);
  return (
    <>
      <title>{APP_TITLE}</title>
      <section className="grid gap-5 py-8 sm:py-14">
        {user && <p className="text-muted">Welcome, {user.name}</p>}
        <h1 className="max-w-3xl text-5xl leading-[1.05] font-semibold tracking-tight sm:text-6xl">{APP_TITLE}</h1>
        {APP_DESCRIPTION && <p className="max-w-xl text-lg text-muted">{APP_DESCRIPTION}</p>}
        {!user && (
          <div className="flex flex-wrap gap-2 pt-2">
            <ButtonLink to="/sign-up">Create an account</ButtonLink>
            <ButtonLink variant="quiet" to="/sign-in">
              Sign in
            </ButtonLink>
          </div>
        )}
      </section>
      <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
        {collections.map(({ to, label, description }) => (
          <li key={to}>
            <Link
              to={to}
              className="group glass flex h-full min-h-40 flex-col rounded-3xl p-6 transition-transform hover:-translate-y-0.5"
            >
              <span className="grid size-10 place-items-center rounded-full bg-tint text-lg text-on-tint">
                <LeafIcon />
              </span>
              <span className="mt-4 flex items-center gap-1 font-display text-xl font-semibold">
                {label}
                <span className="text-base text-muted transition-transform group-hover:translate-x-0.5">
                  <NextIcon />
                </span>
              </span>
              {description && <span className="mt-1 text-sm text-muted">{description}</span>}
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}
