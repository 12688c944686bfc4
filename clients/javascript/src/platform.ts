// What the platform says of the network and of who looks; a browser does, Node does not.

interface Platform {
  addEventListener?(name: string, listener: () => void): void;
  removeEventListener?(name: string, listener: () => void): void;
  navigator?: { onLine?: boolean };
  document?: Platform & { hidden: boolean };
}

const platform = globalThis as unknown as Platform;

/** What is done when the platform tells of a change. */
export interface Changes {
  online(): void;
  offline(): void;
  /** Somebody looks at the page again, or no longer. */
  watched(): void;
}

export const onPlatform = {
  /** Whether the platform says that there is no network. */
  get offline(): boolean {
    return platform.navigator?.onLine === false;
  },

  /** Whether somebody looks. */
  get watched(): boolean {
    return platform.document?.hidden === false;
  },

  /** Call these from now on; returns how to stop it. */
  listen({ online, offline, watched }: Changes): () => void {
    const heard: [Platform | undefined, string, () => void][] = [
      [platform, "online", online],
      [platform, "offline", offline],
      [platform.document, "visibilitychange", watched],
    ];
    for (const [on, name, listener] of heard) on?.addEventListener?.(name, listener);
    return () => {
      for (const [on, name, listener] of heard) on?.removeEventListener?.(name, listener);
    };
  },
};
