// Written by `make clients` of clients/javascript/src: change it there.
// What the platform says of the network and of who looks; a browser does, Node does not.
const platform = globalThis;
export const onPlatform = {
  /** Whether the platform says that there is no network. */ get offline () {
    return platform.navigator?.onLine === false;
  },
  /** Whether somebody looks. */ get watched () {
    return platform.document?.hidden === false;
  },
  /** Call these from now on; returns how to stop it. */ listen ({ online, offline, watched }) {
    const heard = [
      [
        platform,
        "online",
        online
      ],
      [
        platform,
        "offline",
        offline
      ],
      [
        platform.document,
        "visibilitychange",
        watched
      ]
    ];
    for (const [on, name, listener] of heard)on?.addEventListener?.(name, listener);
    return ()=>{
      for (const [on, name, listener] of heard)on?.removeEventListener?.(name, listener);
    };
  }
};
