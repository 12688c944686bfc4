// Where a note is written: text, Markdown, a link, a picture, a drawing. It is kept until the server has it.

import { useSignal } from "@preact/signals";
import type { AnnotationCreate, AnnotationUpdate } from "@bos/client";
import { useEffect } from "preact/hooks";
import { state } from "../../app/connection.ts";
import { draft } from "../../app/drafts.ts";
import { people, type Person } from "../../app/names.ts";
import { Button, Field, Problem, Segments } from "../../ui/controls.tsx";
import { announce, tell } from "../../ui/told.tsx";
import { MOST_CHARACTERS } from "./contents.ts";
import { DrawingPad } from "./Drawing.tsx";
import { opened } from "./forms.ts";
import { pictureIn, pictureOf } from "./images.ts";
import { MentionField } from "./MentionField.tsx";
import { MOST_MENTIONS, mentionedIn } from "./mentions.ts";
import { isAnother, resume, send, sendingOf, takeBack } from "./sending.ts";
import { checked, type Field as FieldName, fits, isNothing, lengthOf, ROOM_FOR_WORDS, takenUp, type Written, WRITTEN_TYPES } from "./written.ts";

/** What a note says, of what is sent. */
export type Said = Pick<AnnotationCreate, "content" | "contentType"> & { mentions: string[] };
/** How it is sent: as a new note, or as a change of one. */
export type Sent = { type: "ANNOTATION_CREATE"; payload: AnnotationCreate } | { type: "ANNOTATION_UPDATE"; payload: AnnotationUpdate };

interface Props {
  /** Of the draft. */
  name: string;
  /** What is written here, and what sends it. */
  label: string;
  action: string;
  people: readonly Person[];
  sent: (said: Said) => Sent;
  /** Where it can be closed: an answer, a change. */
  onClose?: () => void;
  /** The server has it. */
  onDone?: () => void;
  hint?: string;
}

const FEW_LEFT = 500;

export function Composer({ name, label, action, people: offered, sent, onClose, onDone, hint }: Props) {
  const kept = draft(name);
  const { busy, problem } = sendingOf(name);
  const wrong = useSignal<{ field: FieldName; problem: string } | null>(null);
  const isEntered = useSignal(false);
  useEffect(() => resume(name), [name]);
  const written = takenUp(kept.value);
  const isBusy = busy.value;

  const set = (changes: Partial<Written>) => {
    const next = { ...takenUp(kept.peek()), ...changes };
    wrong.value = null;
    isAnother(name);
    kept.value = isNothing(next) && !onClose ? "" : JSON.stringify(next);
  };
  const submit = async () => {
    if (busy.peek()) return;
    const now = takenUp(kept.peek());
    const made = checked(now);
    if ("problem" in made) return void (wrong.value = made);
    const isText = now.type === "text" || now.type === "markdown";
    const mentions = isText ? mentionedIn(now.text, people.peek(), now.chosen) : [];
    if (mentions.length > MOST_MENTIONS) return void (wrong.value = { field: "text", problem: `${mentions.length} people are mentioned: at most ${MOST_MENTIONS} can be.` });
    const { type, payload } = sent({ ...made, mentions });
    if (!await send(name, type, payload)) return;
    announce("The note is there.");
    isEntered.value = false;
    onClose?.();
    onDone?.();
  };
  const takePicture = async (file: File | null) => {
    if (!file) return;
    try {
      set({ type: "image", picture: await pictureOf(file, MOST_CHARACTERS - ROOM_FOR_WORDS) });
    } catch (error) {
      set({ type: "image" });
      wrong.value = { field: "picture", problem: error instanceof Error ? error.message : `${error}` };
    }
  };
  const grab = (event: Event, data: DataTransfer | null) => {
    const file = pictureIn(data);
    if (!file || isBusy) return;
    event.preventDefault();
    void takePicture(file);
  };
  const isWide = isEntered.value || !isNothing(written) || onClose !== undefined;
  return (
    <form
      class="notes-composer"
      data-composer={name}
      aria-label={label}
      aria-busy={isBusy || undefined}
      onSubmit={(event) => (event.preventDefault(), void submit())}
      onFocusIn={() => isEntered.value = true}
      onPaste={(event) => grab(event, event.clipboardData)}
      onDragOver={(event) => event.dataTransfer?.types.includes("Files") && event.preventDefault()}
      onDrop={(event) => grab(event, event.dataTransfer)}
    >
      <Fields written={written} set={set} wrong={wrong.value} label={label} hint={hint} isBusy={isBusy} isWide={isWide} people={offered} onSend={() => void submit()} onPicture={(file) => void takePicture(file)} focused={opened.peek() === name} />
      <Problem says={problem.value} />
      {isWide && (
        <footer class="row">
          <Button kind="primary" type="submit" busy={isBusy} title="Ctrl+Enter">{action}</Button>
          {onClose && !isBusy && <Button onClick={onClose}>Cancel</Button>}
          {!isBusy && <Segments label="What kind of note" options={WRITTEN_TYPES} value={written.type} onChoose={(type) => set({ type })} />}
          {isBusy ? <OnItsWay name={name} /> : <Left written={written} />}
        </footer>
      )}
    </form>
  );
}

/** It is not there before the server has said so. */
function OnItsWay({ name }: { name: string }) {
  const isLive = state.value?.state === "live";
  const withdraw = () => {
    takeBack(name);
    setTimeout(() => sendingOf(name).busy.peek() && tell("It has left already. Whether it has arrived is known once the connection is back."));
  };
  return (
    <p class="row small soft" role="status" data-sending>
      {isLive ? "Being sent …" : "Waits for the connection, and is sent then …"}
      {!isLive && <Button kind="plain" onClick={withdraw}>Take back</Button>}
    </p>
  );
}

function Left({ written: { type, text } }: { written: Written }) {
  const left = MOST_CHARACTERS - lengthOf(text);
  const isText = type === "text" || type === "markdown";
  return <span class="small soft">{isText && left < FEW_LEFT ? `${left} characters left` : isText ? "@ mentions somebody. Ctrl+Enter sends." : "Ctrl+Enter sends."}</span>;
}

interface FieldsProps {
  written: Written;
  set: (changes: Partial<Written>) => void;
  wrong: { field: FieldName; problem: string } | null;
  label: string;
  hint?: string;
  isBusy: boolean;
  isWide: boolean;
  people: readonly Person[];
  onSend: () => void;
  onPicture: (file: File | null) => void;
  focused: boolean;
}

/** What there is to fill in, by the type of the note. */
function Fields({ written, set, wrong, label, hint, isBusy, isWide, people: offered, onSend, onPicture, focused }: FieldsProps) {
  const problemOf = (field: FieldName) => wrong?.field === field ? wrong.problem : "";
  const sendByKey = (event: KeyboardEvent) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && (event.preventDefault(), onSend());
  const says = (of: string, also: string) => (
    <Field label={of} hint={also} problem={problemOf("says")}>
      {(ids) => <input {...ids} type="text" maxLength={300} readOnly={isBusy} value={written.says} onInput={({ currentTarget }) => set({ says: currentTarget.value })} onKeyDown={sendByKey} />}
    </Field>
  );
  switch (written.type) {
    case "link":
      return (
        <>
          <Field label="Address" problem={problemOf("address")}>
            {(ids) => <input {...ids} type="text" inputMode="url" placeholder="https://" spellcheck={false} readOnly={isBusy} value={written.address} onInput={({ currentTarget }) => set({ address: currentTarget.value })} onKeyDown={sendByKey} />}
          </Field>
          {says("What it is", "May be left out.")}
        </>
      );
    case "image":
      return (
        <>
          <Field label="Picture" hint="It is made as small as a note has room for. It can be pasted or dropped here, too." problem={problemOf("picture")}>
            {(ids) => <input {...ids} type="file" accept="image/*" disabled={isBusy} onChange={({ currentTarget }) => onPicture(currentTarget.files?.[0] ?? null)} />}
          </Field>
          {written.picture && <img class="notes-image" src={written.picture} alt={written.says || "The picture that was chosen"} />}
          {says("What it shows", "For those who do not see it.")}
        </>
      );
    case "drawing":
      return (
        <>
          <DrawingPad drawing={written.drawing} disabled={isBusy} onDraw={(drawing) => fits(drawing) && (set({ drawing }), true)} />
          <Problem says={problemOf("drawing")} />
          {says("What it shows", "For those who do not see it.")}
        </>
      );
    default:
      return (
        <Field label={label} hint={hint} problem={problemOf("text")}>
          {(ids) => (
            <MentionField {...ids} rows={isWide ? 3 : 1} readOnly={isBusy} placeholder={written.type === "markdown" ? "**Markdown** …" : "Write a note …"} value={written.text} people={offered} focused={focused} onSend={onSend} onText={(text) => set({ text })} onMention={({ id }) => set({ chosen: [...new Set([...written.chosen, id])] })} />
          )}
        </Field>
      );
  }
}
