/** What one can do with a message: copy its link or its text, edit it, remove it. */

export type Deed = "link" | "copy" | "edit" | "remove";
