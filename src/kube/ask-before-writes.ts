import type { Dispatcher } from 'undici';

/**
 * An undici interceptor that asks before a write: not when the request is made, but when its socket is there and the first byte is about
 * to go. In between it may have waited for a socket, and the process may have been stopped.
 * @param begin throws when the write may not begin, which fails the request; what it returns is called when the request has ended
 */
export const askBeforeWrites =
  (begin: () => () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) => {
    if (options.method === 'GET') return dispatch(options, handler);
    let end = (): void => undefined;
    return dispatch(options, {
      onRequestStart: (controller, context) => {
        // Asked again if undici begins again on another socket.
        end();
        end = begin();
        handler.onRequestStart?.(controller, context);
      },
      onRequestUpgrade: (...given) => handler.onRequestUpgrade?.(...given),
      onResponseStart: (...given) => handler.onResponseStart?.(...given),
      onResponseData: (...given) => handler.onResponseData?.(...given),
      onResponseEnd: (...given) => {
        end();
        handler.onResponseEnd?.(...given);
      },
      onResponseError: (...given) => {
        end();
        handler.onResponseError?.(...given);
      },
    });
  };
