/** The terms and the privacy text that hold here, and accepting them. */

import { answerOf, api, type TermsInForce } from "./api/client";
import { i18n } from "./i18n";

export async function readTerms(): Promise<TermsInForce> {
  const language = i18n.global.locale.value;
  return answerOf(api.GET("/api/terms/", { params: { query: { language } } }));
}

export async function acceptTerms({ terms, privacy }: TermsInForce): Promise<void> {
  const body = { terms_version: terms.version, privacy_version: privacy.version };
  await answerOf(api.POST("/api/terms/", { body }));
}

export interface Piece {
  readonly isHeading: boolean;
  readonly text: string;
}

/** Its lines; those that begin with `# ` are headings. */
export function piecesOf(text: string): Piece[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => ({ isHeading: line.startsWith("# "), text: line.replace(/^# /, "").trim() }));
}
