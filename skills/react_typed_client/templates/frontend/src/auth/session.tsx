import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  Fragment,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";

import * as api from "../api/auth";
import { onSessionEnded, renewAccessToken } from "../api/token";

export type User = api.User;

type State =
  | { status: "starting" }
  | { status: "unreachable"; error: unknown }
  | { status: "ready"; user: User | null };

type Session = {
  user: User | null;
  signIn: (request: api.LoginRequest) => Promise<void>;
  signUp: (request: api.RegisterRequest) => Promise<void>;
  signOut: () => Promise<void>;
};

const SessionContext = createContext<Session | null>(null);

type Props = {
  children: ReactNode;
  starting: ReactNode;
  unreachable: (error: unknown, retry: () => void) => ReactNode;
};

/** Take up the session at start, and keep what one user has seen from the next one, in this tab and the others. */
export function SessionProvider({ children, starting, unreachable }: Props) {
  const queries = useQueryClient();
  const [state, setState] = useState<State>({ status: "starting" });
  const tellOtherTabs = useRef<() => void>(() => {});

  const become = useCallback(
    (user: User | null) => {
      queries.clear();
      setState({ status: "ready", user });
    },
    [queries],
  );

  const start = useCallback(async () => {
    setState({ status: "starting" });
    try {
      become((await renewAccessToken()) ? await api.readMe() : null);
    } catch (error) {
      setState({ status: "unreachable", error });
    }
  }, [become]);

  useEffect(() => {
    void start();
    const stopListening = onSessionEnded(() => become(null));
    const otherTabs = new BroadcastChannel("session");
    otherTabs.onmessage = () => void start();
    tellOtherTabs.current = () => otherTabs.postMessage("changed");
    return () => {
      stopListening();
      otherTabs.close();
    };
  }, [start, become]);

  const user = state.status === "ready" ? state.user : null;
  const session = useMemo<Session>(() => {
    const signIn = async (request: api.LoginRequest) => {
      become(await api.login(request));
      tellOtherTabs.current();
    };
    return {
      user,
      signIn,
      signUp: async (request) => {
        await api.register(request);
        await signIn({ email: request.email, password: request.password });
      },
      signOut: async () => {
        await api.logout();
        become(null);
        tellOtherTabs.current();
      },
    };
  }, [user, become]);

  if (state.status === "starting") return starting;
  if (state.status === "unreachable") return unreachable(state.error, () => void start());
  return (
    <SessionContext value={session}>
      {/* A new key remounts every page, so that none shows what another user may see. */}
      <Fragment key={user?.id ?? "anonymous"}>{children}</Fragment>
    </SessionContext>
  );
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession is used outside of SessionProvider");
  return session;
}
