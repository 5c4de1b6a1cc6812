//! Ends attempts to connect that take too long.

use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use tower::{BoxError, Service};

/// The connection did not come about in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} s", limit.as_secs_f32())]
pub(super) struct TooSlow {
    limit: Duration,
}

/// A connector with a time limit over everything below it.
#[derive(Clone)]
pub(super) struct Deadline<C> {
    inner: C,
    limit: Duration,
}

impl<C> Deadline<C> {
    pub(super) fn new(inner: C, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl<C> Service<Uri> for Deadline<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Response: 'static,
    C::Error: Into<BoxError>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<C::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.inner.call(target);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(result) => result.map_err(Into::into),
                Err(_) => Err(TooSlow { limit }.into()),
            }
        })
    }
}
