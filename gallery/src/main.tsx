import { render } from "preact";
import { App } from "./app";
import { loadSession } from "./state/session";
import "./state/changes";
import "./state/renewal";
import "./state/theme";
import "./styles/index.css";

void loadSession();
render(<App />, document.getElementById("app")!);
