import { Navigate, Outlet, useLocation } from "react-router";

import { PageHeader } from "../components/PageHeader";
import { useSession } from "./session";

/** Lets signed-in users through, or only administrators; sends visitors to sign in and back. */
export function RequireUser({ admin = false }: { admin?: boolean }) {
  const { user } = useSession();
  const { pathname, search } = useLocation();
  if (!user) return <Navigate to="/sign-in" replace state={{ from: pathname + search }} />;
  if (admin && user.role !== "admin") {
    return <PageHeader title="Not allowed" description="Only administrators may do this." />;
  }
  return <Outlet />;
}
