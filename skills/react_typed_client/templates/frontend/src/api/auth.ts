import { client, type Schemas, unwrap } from "./client";
import { setAccessToken } from "./token";

export type User = Schemas["UserResponse"];
export type LoginRequest = Schemas["LoginRequest"];
export type RegisterRequest = Schemas["RegisterRequest"];

export function readMe(): Promise<User> {
  return unwrap(client.GET("/api/v1/auth/me"));
}

export async function register(body: RegisterRequest): Promise<User> {
  return unwrap(client.POST("/api/v1/auth/register", { body }));
}

export async function login(body: LoginRequest): Promise<User> {
  setAccessToken(null);
  const token = await unwrap(client.POST("/api/v1/auth/login", { body }));
  setAccessToken(token.access_token);
  return readMe();
}

/** End the session on the server, everywhere this account is signed in. */
export async function logout(): Promise<void> {
  await unwrap(client.POST("/api/v1/auth/logout"));
  setAccessToken(null);
}
