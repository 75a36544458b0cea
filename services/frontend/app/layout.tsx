import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { TAGS } from "@common/language";
import { Interface } from "@/components/interface";
import { Shell } from "@/components/shell";
import { dictionaries } from "@/dictionaries";
import { preferences } from "@/lib/server/preferences";
import "@common/tokens.css";
import "./styles.css";

export async function generateMetadata(): Promise<Metadata> {
  const { language } = await preferences();
  const { name, description } = dictionaries[language];
  return { title: name, description };
}

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  interactiveWidget: "resizes-content",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#faf9f7" },
    { media: "(prefers-color-scheme: dark)", color: "#15181a" },
  ],
};

export default async function Layout({ children }: { children: ReactNode }) {
  const { language, theme } = await preferences();
  return (
    <html lang={TAGS[language]} data-theme={theme === "system" ? undefined : theme}>
      <body>
        <Interface language={language} theme={theme}>
          <Shell>{children}</Shell>
        </Interface>
      </body>
    </html>
  );
}
