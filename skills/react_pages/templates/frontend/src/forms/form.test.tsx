import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { MemoryRouter } from "react-router";
import { expect, test, vi } from "vitest";

import { ApiError } from "../api/errors";
import { CheckboxField, InputField } from "./controls";
import { Form } from "./Form";
import { length } from "./rules";
import { type Fields, useForm } from "./use-form";

type Draft = { title: string; size: string; done: boolean };

const FIELDS: Fields<Draft> = {
  title: { label: "Title", hint: "In a few words", required: true, rule: length({ max: 10 }) },
  size: { label: "Size" },
  done: { label: "Done" },
};

type Send = (draft: Draft) => Promise<void>;

function Sample({ send }: { send: Send }) {
  const form = useForm<Draft>({ initial: () => ({ title: "", size: "", done: false }), fields: FIELDS, send });
  return (
    <Form form={form} submitLabel="Save">
      <InputField {...form.field("title")} />
      <InputField {...form.field("size")} />
      <CheckboxField {...form.field("done")} />
    </Form>
  );
}

function open(send: Send) {
  render(<Sample send={send} />, { wrapper: MemoryRouter });
  const title = screen.getByLabelText<HTMLInputElement>("Title");
  const submit = () => fireEvent.click(screen.getByRole("button", { name: "Save" }));
  const enter = (value: string) => fireEvent.change(title, { target: { value } });
  return { title, submit, enter };
}

test("a missing field is named, described and focused, and nothing is sent", async () => {
  const send = vi.fn<Send>();
  const { title, submit } = open(send);
  submit();

  await waitFor(() => expect(document.activeElement).toBe(title));
  expect(title.getAttribute("aria-invalid")).toBe("true");
  const described = title.getAttribute("aria-describedby")?.split(" ") ?? [];
  expect(described.map((id) => document.getElementById(id)?.textContent)).toEqual([
    "In a few words",
    "This is required.",
  ]);
  expect(send).not.toHaveBeenCalled();
});

test("the summary leads to the field", async () => {
  const { title, submit, enter } = open(vi.fn<Send>());
  enter("much too long");
  submit();
  const link = await screen.findByRole("link", { name: /^Title: Use at most 10 characters/ });
  title.blur();
  fireEvent.click(link);

  expect(document.activeElement).toBe(title);
});

test("the server's words go to the field they are about, the others to the summary", async () => {
  const details = [
    { field: "size", message: "Too big." },
    { field: "elsewhere", message: "Not allowed." },
  ];
  const { submit, enter } = open(() => Promise.reject(new ApiError(400, "VALIDATION_ERROR", "Check it.", details)));
  enter("Milk");
  submit();

  const size = screen.getByLabelText(/^Size/);
  await waitFor(() => expect(size.getAttribute("aria-invalid")).toBe("true"));
  expect(screen.getByRole("alert").textContent).toContain("elsewhere: Not allowed.");
});

test("what was entered is sent once, however often the button is pressed", async () => {
  let finish: () => void = () => {};
  const send = vi.fn<Send>(() => new Promise((resolve) => (finish = resolve)));
  const { submit, enter } = open(send);
  enter("Milk");
  fireEvent.click(screen.getByLabelText("Done"));
  submit();
  fireEvent.submit(screen.getByRole("button", { name: "Saving…" }).closest("form") as HTMLFormElement);
  finish();

  await screen.findByRole("button", { name: "Save" });
  expect(send).toHaveBeenCalledExactlyOnceWith({ title: "Milk", size: "", done: true }, expect.anything());
});
