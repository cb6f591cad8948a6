/** Refusals as people read them: by the server's stable codes where we have words of our own, else in its words. */

import { Refusal } from "./api/client";
import { i18n } from "./i18n";

export function explain(problem: unknown): string {
  const { global } = i18n;
  const code = problem instanceof Refusal ? problem.code : "unreachable";
  const key = `problems.${code}`;
  if (global.te(key, "en")) {
    return global.t(key, {
      minutes: Math.max(1, Math.ceil((problem instanceof Refusal ? problem.retryAfterS : 0) / 60)),
    });
  }
  const said = problem instanceof Refusal ? problem.message : "";
  return said === "" ? global.t("problems.unknown") : said;
}

/** The fields that some refusals belong to; for these we have better words than the server's. */
const PLACES: Record<string, string> = {
  username_taken: "username",
  invalid_credentials: "password",
  invalid_password: "current_password",
  second_factor_required: "code",
  invalid_code: "code",
  no_such_code: "code",
};

/** What is wrong by field, as people read it; what belongs to none is under the empty name. */
export function refusedFields(problem: unknown): Record<string, string[]> {
  const refusal = problem instanceof Refusal ? problem : new Refusal(0);
  const place = PLACES[refusal.code];
  if (place === undefined && Object.keys(refusal.fields).length > 0) {
    return Object.fromEntries(Object.entries(refusal.fields).map(([name, said]) => [name, [...said]]));
  }
  return { [place ?? ""]: [explain(refusal)] };
}
