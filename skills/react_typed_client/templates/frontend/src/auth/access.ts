import type { User } from "./session";

/** Who may change a kind of record: its owner, anyone signed in, or administrators. */
export type Writers = "owner" | "signed-in" | "admin";

type Owned = { id: number; owner_id?: number };

/** May `user` add a record? */
export function mayCreate(user: User | null, writers: Writers): boolean {
  return user !== null && (writers !== "admin" || user.role === "admin");
}

/** May `user` change or delete `record`? */
export function mayWrite(user: User | null, writers: Writers, record: Owned): boolean {
  return mayCreate(user, writers) && (writers !== "owner" || record.owner_id === user?.id);
}
