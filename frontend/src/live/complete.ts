/** Puts back what events leave out on their way: fields that are null, empty or false. */

import { type AnyDoorbell, type AnyEvent, LEFT_OUT } from "../wire";

type Fields = Record<string, unknown>;

const FILLINGS: Record<string, Fields> = LEFT_OUT;

/** What came over the socket, with all its fields; one of a type that this version does not know stays as it is. */
export function complete(arrived: unknown): AnyEvent | AnyDoorbell {
  const event = arrived as Fields;
  const filling = FILLINGS[String(event["type"])];
  return (filling === undefined ? event : fill(event, filling)) as unknown as AnyEvent | AnyDoorbell;
}

function fill(given: Fields, filling: Fields): Fields {
  const whole: Fields = { ...filling, ...given };
  for (const [name, inner] of Object.entries(filling)) {
    const value = whole[name];
    if (isFields(inner) && isFields(value)) {
      whole[name] = fill(value, inner);
    }
  }
  return whole;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
