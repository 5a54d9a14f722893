import { useEffect } from "preact/hooks";
import { Detail } from "./detail/detail";
import { place } from "./state/place";
import { isReady, loadSession, needsToken, session, sessionProblem } from "./state/session";
import { Confirm } from "./ui/confirm";
import { CircleAlert } from "./ui/icons";
import { Notice } from "./ui/notice";
import { Toasts } from "./ui/toasts";
import { Header } from "./views/header";
import { Login, LoginAgain } from "./views/login";
import { Pictures } from "./views/pictures";
import { Away } from "./views/away";
import { Failures } from "./views/failures";
import { Storage } from "./views/storage";
import { DropZone, UploadTray } from "./views/uploads";

const TITLES = { pictures: "Pictures", trash: "Trash", storage: "Storage" };

export function App() {
  const { view, image } = place.value;
  useEffect(() => {
    document.title = TITLES[view];
  }, [view]);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header />
      <Content />
      {isReady.value && image && <Detail key="detail" />}
      {isReady.value && <UploadTray />}
      {isReady.value && <DropZone />}
      <Away />
      <Toasts />
      <Failures />
      <Confirm />
      <LoginAgain />
    </>
  );
}

function skip(event: Event) {
  event.preventDefault();
  const target = document.querySelector<HTMLElement>(".grid a[tabindex='0']") ?? document.getElementById("main");
  target?.focus();
}

function Content() {
  const problem = sessionProblem.value;
  if (problem && !session.value) {
    return (
      <main id="main" tabIndex={-1}>
        <h1 class="sr-only">Pictures</h1>
        <Notice icon={<CircleAlert size={28} />} title="The service cannot be asked" isProblem>
          <p>{problem.message}</p>
          <button class="button" onClick={() => void loadSession()}>
            Try again
          </button>
        </Notice>
      </main>
    );
  }
  if (needsToken.value) return <Login />;
  if (place.value.view === "storage") return <Storage />;
  return <Pictures />;
}

