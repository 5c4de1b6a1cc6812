//! The body of an answer on the wire: whole, cut short, or a stream of watch events.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Sleep;

use crate::store::Event;

/// A body that hyper can send.
pub(crate) enum Outgoing {
    /// All of it at once.
    Whole(Option<Bytes>),
    /// The given bytes, then an error, under a length that promises more.
    Cut {
        /// What is sent.
        part: Option<Bytes>,
        /// The length that was promised, in bytes.
        promised: u64,
    },
    /// So many spaces, one after each pause, or as fast as they are taken.
    Stream {
        /// How many are left.
        left: u64,
        /// The pause.
        pause: Duration,
        /// The pause that lasts.
        until: Option<Pin<Box<Sleep>>>,
    },
    /// Watch events, until the sender or the time is gone.
    Events {
        /// Where the events come from.
        receiver: UnboundedReceiver<Event>,
        /// When the watch ends.
        end: Option<Pin<Box<Sleep>>>,
    },
}

impl Outgoing {
    /// The first half of a body.
    pub(crate) fn half(bytes: &[u8]) -> Outgoing {
        let promised = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let part = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
        Outgoing::Cut {
            part: Some(part),
            promised,
        }
    }

    /// A body of spaces, of no announced length.
    pub(crate) fn stream(bytes: u64, pause: Duration) -> Outgoing {
        Outgoing::Stream {
            left: bytes,
            pause,
            until: None,
        }
    }

    /// A watch that ends after a time, if one is given.
    pub(crate) fn events(receiver: UnboundedReceiver<Event>, lasts: Option<Duration>) -> Outgoing {
        let end = lasts.map(|lasts| Box::pin(tokio::time::sleep(lasts)));
        Outgoing::Events { receiver, end }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Outgoing::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Outgoing::Cut { part, .. } => Poll::Ready(Some(match part.take() {
                Some(part) => Ok(Frame::data(part)),
                None => Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "cut by a fault",
                )),
            })),
            Outgoing::Stream { left, pause, until } => {
                if *left == 0 {
                    return Poll::Ready(None);
                }
                let bytes = if pause.is_zero() {
                    (*left).min(65_536)
                } else {
                    1
                };
                if !pause.is_zero() {
                    let sleep = until.get_or_insert_with(|| Box::pin(tokio::time::sleep(*pause)));
                    if sleep.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    *until = None;
                }
                *left -= bytes;
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; bytes])))))
            }
            Outgoing::Events { receiver, end } => {
                if let Poll::Ready(event) = receiver.poll_recv(context) {
                    return Poll::Ready(event.map(|(kind, object)| {
                        let object = object.value();
                        let line = format!(
                            "{{\"type\":\"{kind}\",\"object\":{object}}}
"
                        );
                        Ok(Frame::data(Bytes::from(line)))
                    }));
                }
                match end {
                    Some(end) => end.as_mut().poll(context).map(|()| None),
                    None => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Outgoing::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Whole(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Outgoing::Cut { promised, .. } => SizeHint::with_exact(*promised),
            Outgoing::Stream { .. } | Outgoing::Events { .. } => SizeHint::default(),
        }
    }
}
