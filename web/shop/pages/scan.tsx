//! Owns the scanner: the camera where the browser gives it, always a field to type or paste into.
//! Takes: camera frames, text. Emits: the way to check-in or tap. On failure: without camera the field is enough.
import { Keyboard } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../shared/ui/button.tsx";
import { TextField } from "../../shared/ui/field.tsx";
import { Notice } from "../../shared/ui/feedback.tsx";
import { go } from "../../shared/ui/route.ts";
import { readCode } from "../code.ts";
import { Head } from "../parts/header.tsx";
import { startCamera } from "../parts/camera.ts";
import { t } from "../texts.ts";

type Camera = "starting" | "on" | "denied" | "absent";

export function ScanPage() {
  const video = useRef<HTMLVideoElement>(null);
  const [camera, setCamera] = useState<Camera>("starting");
  const [text, setText] = useState("");
  const [error, setError] = useState<string>();
  const [foreign, setForeign] = useState(false);

  const use = (scanned: string): boolean => {
    const found = readCode(scanned);
    if (!found) return false;
    go(`/${found.kind === "door" ? "c" : "t"}?c=${encodeURIComponent(found.code)}`, { replace: true });
    return true;
  };

  useEffect(() => {
    const element = video.current;
    if (!element) return;
    const stop = startCamera(element, (scanned) => {
      const known = use(scanned);
      setForeign(!known);
      return known;
    });
    let left = false;
    stop.started.then((state) => {
      if (!left) setCamera(state);
    });
    return () => {
      left = true;
      stop.stop();
    };
  }, []);

  return (
    <div class="page">
      <Head title={t("scan.title")} />
      <div class={`camera ${camera}`}>
        <video ref={video} muted playsInline aria-label={t("scan.camera")} />
        {camera === "on" ? <span class="finder" aria-hidden="true" /> : null}
        {camera === "denied" || camera === "absent" ? <p>{t(camera === "denied" ? "scan.denied" : "scan.absent")}</p> : null}
      </div>
      <p class="quiet">{t("scan.text")}</p>
      {foreign ? <Notice tone="warning">{t("scan.foreign")}</Notice> : null}
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!use(text)) setError(t("scan.wrong"));
        }}
      >
        <TextField label={t("scan.type")} help={t("scan.type_help")} value={text} onInput={setText} error={error} name="door-code" />
        <Button icon={Keyboard} wide submit>
          {t("scan.go")}
        </Button>
      </form>
    </div>
  );
}
