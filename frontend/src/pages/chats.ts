/** Keeps the list of chats as it is: any event of a chat in it, or of one's membership, has it read again. */

import { connection, followOwn } from "../live/socket";
import { part } from "../live/dom";
import { Fragments } from "../live/fragments";
import type { AnyDoorbell, AnyEvent } from "../wire";

const card = part(document, "[data-chats]");
const centrifuge = connection();
const fragments = new Fragments(follow);

function changed(): void {
  fragments.renew("chats");
}

/** From where the list stood when it was rendered, so that nothing falls in between. */
function follow(): void {
  for (const { dataset } of card.querySelectorAll<HTMLElement>("[data-stream]")) {
    const stream = dataset["stream"] ?? "";
    if (centrifuge.getSubscription(stream) === null) {
      const since = { epoch: dataset["epoch"] ?? "", offset: Number(dataset["seq"]) };
      const subscription = centrifuge.newSubscription(stream, { since });
      subscription.on("publication", ({ data }) => {
        if ((data as AnyEvent | AnyDoorbell).type !== "typing") {
          changed();
        }
      });
      subscription.on("subscribed", ({ recovered }) => {
        if (!recovered) {
          changed();
        }
      });
      subscription.subscribe();
    }
  }
}

followOwn(centrifuge, Number(card.dataset["userId"]), changed);
follow();
centrifuge.connect();
