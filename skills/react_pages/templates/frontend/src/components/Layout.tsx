import { useEffect, useRef, useState } from "react";
import { Link, NavLink, Outlet, useLocation, useNavigate } from "react-router";

import { messageOf } from "../api/errors";
import { APP_TITLE } from "../app-info";
import { useSession } from "../auth/session";
import { COLLECTIONS } from "../navigation";
import { Button, ButtonLink } from "./Button";
import { LeafIcon } from "./icons";
import { ThemeToggle } from "./ThemeToggle";

export function Layout() {
  return (
    <>
      <a
        href="#main"
        className="absolute left-4 z-20 -translate-y-20 rounded-full bg-accent px-4 py-2 text-on-accent focus:translate-y-4"
      >
        Skip to the content
      </a>
      <Header />
      <Main />
    </>
  );
}

function Main() {
  const { pathname, state } = useLocation();
  const main = useRef<HTMLElement>(null);
  const shown = useRef(pathname);
  const notice = noticeIn(state);

  // After a change of page, the keyboard and the screen reader begin at its top.
  useEffect(() => {
    if (shown.current !== pathname) main.current?.focus();
    shown.current = pathname;
  }, [pathname]);

  return (
    <main ref={main} id="main" tabIndex={-1} className="mx-auto grid max-w-6xl gap-6 px-4 pt-6 pb-16 sm:px-6 sm:pt-10">
      <div role="status" className="empty:hidden">
        {notice && <p className="rounded-2xl bg-tint px-4 py-3 text-sm text-on-tint">{notice}</p>}
      </div>
      <Outlet />
    </main>
  );
}

function Header() {
  const { user } = useSession();
  const collections = COLLECTIONS.filter(({ isPublic }) => isPublic || user);
  return (
    <header className="sticky top-0 z-10 px-2 pt-2 sm:px-4 sm:pt-3">
      <div className="glass mx-auto flex max-w-6xl flex-wrap items-center gap-x-4 gap-y-1 rounded-3xl px-3 py-2 sm:px-4">
        <Link to="/" className="flex min-w-0 items-center gap-2 font-display text-lg font-semibold">
          <span className="text-xl text-accent">
            <LeafIcon />
          </span>
          <span className="max-w-[45vw] truncate sm:max-w-64">{APP_TITLE}</span>
        </Link>
        <div className="ml-auto flex items-center gap-1 sm:order-last">
          <ThemeToggle />
          <Account />
        </div>
        {collections.length > 0 && (
          <nav aria-label="Main" className="w-full overflow-x-auto sm:w-auto sm:flex-1">
            <ul className="flex gap-1">
              {collections.map(({ to, label }) => (
                <li key={to}>
                  <NavLink
                    to={to}
                    className={({ isActive }) =>
                      `inline-flex min-h-9 items-center rounded-full px-3 text-sm whitespace-nowrap transition-colors ${
                        isActive ? "bg-tint font-medium text-on-tint" : "text-muted hover:bg-hover hover:text-ink"
                      }`
                    }
                  >
                    {label}
                  </NavLink>
                </li>
              ))}
            </ul>
          </nav>
        )}
      </div>
    </header>
  );
}

function Account() {
  const { user, signOut } = useSession();
  const navigate = useNavigate();
  const [problem, setProblem] = useState<string | null>(null);

  if (!user) {
    return (
      <ButtonLink to="/sign-in" variant="quiet">
        Sign in
      </ButtonLink>
    );
  }

  async function leave() {
    setProblem(null);
    try {
      // First away from this page: whoever signs in next shall not be led back to it.
      await navigate("/");
      await signOut();
    } catch (error) {
      setProblem(messageOf(error));
    }
  }

  return (
    <>
      {problem && (
        <span role="alert" className="text-sm text-danger">
          {problem}
        </span>
      )}
      <span className="hidden max-w-40 truncate px-1 text-sm text-muted md:inline">{user.name}</span>
      <Button variant="quiet" onClick={() => void leave()}>
        Sign out
      </Button>
    </>
  );
}

/** A page may leave one sentence for the next: `navigate(to, { state: { notice: "Saved." } })`. */
function noticeIn(state: unknown): string | null {
  const notice = typeof state === "object" && state !== null && "notice" in state ? state.notice : null;
  return typeof notice === "string" ? notice : null;
}
