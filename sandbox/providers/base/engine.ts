import * as grpc from "@grpc/grpc-js";

/**
 * Calls `gone` once when the connection to the engine is lost for good. An engine that was killed cannot stop its
 * plugins any more, so they have to notice by themselves.
 */
export function watchEngine(address: string, gone: () => void): () => void {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const channel = client.getChannel();
  let stopped = false;
  const watch = (): void => {
    if (stopped) {
      return;
    }
    const state = channel.getConnectivityState(true);
    if (state === grpc.connectivityState.TRANSIENT_FAILURE || state === grpc.connectivityState.SHUTDOWN) {
      stop();
      gone();
      return;
    }
    channel.watchConnectivityState(state, Infinity, watch);
  };
  const stop = (): void => {
    stopped = true;
    client.close();
  };
  watch();
  return stop;
}

/** Ends this process when the engine is gone. */
export function exitWhenEngineGoes(address: string): void {
  watchEngine(address, () => process.exit(0));
}
