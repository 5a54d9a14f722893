// The token that the service wants: on a page of its own, or over what was being done.
import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { problemFrom } from "../api/client";
import { begin, giveUp, isExpired } from "../state/session";
import { Dialog } from "../ui/dialog";

const told = signal("");
const isBusy = signal(false);

function LoginForm() {
  const input = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const token = input.current?.value.trim() ?? "";
    if (!token) {
      told.value = "Enter a token first.";
      input.current?.focus();
      return;
    }
    isBusy.value = true;
    try {
      await begin(token);
      told.value = "";
    } catch (error) {
      told.value = problemFrom(error).message;
      input.current?.select();
    } finally {
      isBusy.value = false;
    }
  };
  return (
      <form class="login-form" onSubmit={submit}>
        <label>
          <span>Token</span>
          <input
            ref={input}
            type="password"
            autocomplete="current-password"
            autofocus
            aria-invalid={told.value !== ""}
            aria-describedby="login-told"
          />
        </label>
        <p id="login-told" class="field-problem" role="alert">
          {told.value}
        </p>
        <button class="button accent" disabled={isBusy.value}>
          {isBusy.value ? "Looking" : "Log in"}
        </button>
        <p class="hint">
          Whoever runs the service makes one with <code>image-service make-token</code>.
        </p>
      </form>
  );
}

export function Login() {
  return (
    <main class="login" id="main" tabIndex={-1}>
      <div class="login-card">
        <h1>These pictures are private</h1>
        <p>Show a token of this service to see them. It is kept in a cookie that scripts cannot read.</p>
        <LoginForm />
      </div>
    </main>
  );
}

/** Asked for where the session ended under the open page: all that was being done goes on after it. */
export function LoginAgain() {
  if (!isExpired.value) return null;
  return (
    <Dialog label="Log in again" class="login-again" onClose={giveUp}>
      <h2>Your session has ended</h2>
      <p>Show the token again to go on. What you typed and what is being uploaded is kept.</p>
      <LoginForm />
      <button class="link" onClick={giveUp}>
        Leave the pictures
      </button>
    </Dialog>
  );
}
