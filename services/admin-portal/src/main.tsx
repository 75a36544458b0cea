import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { Interface } from "./interface";
import "@common/tokens.css";
import "./styles.css";

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Interface>
      <App />
    </Interface>
  </StrictMode>,
);
