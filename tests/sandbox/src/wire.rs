//! A TCP stream that can be reset: closed with RST, as a crashed server or a firewall does.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Cuts one connection.
#[derive(Clone, Default)]
pub(crate) struct Scissors {
    reset: Arc<AtomicBool>,
    cut: Arc<Notify>,
}

impl Scissors {
    /// Resets the connection.
    pub(crate) fn cut(&self) {
        self.reset.store(true, Ordering::Relaxed);
        self.cut.notify_one();
    }

    /// Resets a connection before anything is read from it.
    pub(crate) fn cut_now(&self, stream: TcpStream) {
        self.cut();
        drop(Wire::new(stream, self.clone()));
    }

    /// Waits until the connection is to be reset.
    pub(crate) async fn wait(&self) {
        self.cut.notified().await;
    }
}

/// The stream below TLS.
pub(crate) struct Wire {
    stream: TcpStream,
    scissors: Scissors,
}

impl Wire {
    /// A stream that these scissors cut.
    pub(crate) fn new(stream: TcpStream, scissors: Scissors) -> Wire {
        Wire { stream, scissors }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.scissors.reset.load(Ordering::Relaxed) {
            // A stream that cannot be reset is closed, which is nearly as rude.
            self.stream.set_zero_linger().unwrap_or_default();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
