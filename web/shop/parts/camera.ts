//! Owns reading codes from the camera: the browser's BarcodeDetector where present, else a decoder loaded when needed.
//! Takes: a video element. Emits: each text read until one is accepted. On failure: says whether the camera was refused or is absent.

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
declare const BarcodeDetector: (new (options: { formats: string[] }) => Detector) & { getSupportedFormats(): Promise<string[]> };

export interface Camera {
  readonly started: Promise<"on" | "denied" | "absent">;
  stop(): void;
}

/** Eight looks a second find a code as fast as a hand can hold it, and leave the phone cool. */
const LOOK_MS = 125;
/** Longer side of the picture that our own decoder looks at. */
const DECODE_PIXELS = 720;

export function startCamera(video: HTMLVideoElement, accept: (text: string) => boolean): Camera {
  let stopped = false;
  let stream: MediaStream | undefined;
  const stop = () => {
    stopped = true;
    for (const track of stream?.getTracks() ?? []) track.stop();
  };
  const begin = async (): Promise<"on" | "denied" | "absent"> => {
    // Absent without a secure context, too.
    if (!navigator.mediaDevices?.getUserMedia) return "absent";
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    } catch (error) {
      return error instanceof DOMException && error.name === "NotAllowedError" ? "denied" : "absent";
    }
    if (stopped) {
      stop();
      return "on";
    }
    video.srcObject = stream;
    await video.play();
    void look(await reader(), video, accept, () => stopped, stop);
    return "on";
  };
  return { started: begin(), stop };
}

async function look(read: Reader, video: HTMLVideoElement, accept: (text: string) => boolean, stopped: () => boolean, stop: () => void): Promise<void> {
  while (!stopped()) {
    const text = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA ? await read(video) : undefined;
    if (text !== undefined && !stopped() && accept(text)) return stop();
    await new Promise((resume) => setTimeout(resume, LOOK_MS));
  }
}

type Reader = (video: HTMLVideoElement) => Promise<string | undefined>;

async function reader(): Promise<Reader> {
  if (typeof BarcodeDetector !== "undefined" && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue;
  }
  const { default: decode } = await import("qr/decode.js");
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, DECODE_PIXELS / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    if (!context || canvas.width === 0) return undefined;
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    try {
      return decode(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      // The decoder throws where it finds no code: the usual case.
      return undefined;
    }
  };
}
