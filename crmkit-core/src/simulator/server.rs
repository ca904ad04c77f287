//! A loopback HTTP/1 server that can also lose an answer, which frameworks do not offer.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{io, thread};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::CONTENT_LENGTH;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::traffic::{InFlight, InFlightGuard};

const MAX_BODY: usize = 64 << 20;

/// What a simulator does with a request.
#[derive(Debug)]
pub enum Reply {
    /// Sends this.
    Send(Response<Bytes>),
    /// Sends the head and half of the body of this, then closes the connection.
    Truncate(Response<Bytes>),
    /// Closes the connection without an answer.
    Close,
}

/// Answers requests whose bodies have been read.
#[async_trait]
pub trait Handler: Debug + Send + Sync + 'static {
    /// Answers one request.
    async fn handle(&self, request: Request<Bytes>) -> Reply;
}

/// Where a server runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerThread {
    /// On the caller's tokio runtime if there is one, else on a thread of its own.
    #[default]
    Current,
    /// On a thread of its own.
    Own,
}

/// A running server; dropping it stops it and closes its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Stop,
}

#[derive(Debug)]
enum Stop {
    Task(tokio::task::AbortHandle),
    Thread(Option<oneshot::Sender<()>>, Option<thread::JoinHandle<()>>),
}

impl Server {
    /// Listens on a loopback port (0: any free one) and counts requests in `in_flight` until they are answered.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub fn start(port: u16, place: ServerThread, in_flight: InFlight, handler: Arc<dyn Handler>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = match tokio::runtime::Handle::try_current() {
            Ok(runtime) if place == ServerThread::Current => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                Stop::Task(runtime.spawn(serve(listener, in_flight, handler)).abort_handle())
            }
            _ => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let (signal, stopped) = oneshot::channel::<()>();
                let thread = thread::Builder::new().name("simulator".into()).spawn(move || {
                    runtime.block_on(async move {
                        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                        tokio::select! {
                            () = serve(listener, in_flight, handler) => {}
                            _ = stopped => {}
                        }
                    });
                })?;
                Stop::Thread(Some(signal), Some(thread))
            }
        };
        Ok(Self { address, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a final slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match &mut self.stop {
            Stop::Task(task) => task.abort(),
            Stop::Thread(signal, thread) => {
                drop(signal.take());
                if let Some(thread) = thread.take() {
                    let _ = thread.join();
                }
            }
        }
    }
}

async fn serve(listener: tokio::net::TcpListener, in_flight: InFlight, handler: Arc<dyn Handler>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let (in_flight, handler) = (in_flight.clone(), handler.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(request, in_flight.clone(), handler.clone()));
                    // An error here is a client that went away, or a connection closed on purpose.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    in_flight: InFlight,
    handler: Arc<dyn Handler>,
) -> io::Result<Response<Outgoing>> {
    let guard = in_flight.enter();
    let (parts, body) = request.into_parts();
    let reply = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => handler.handle(Request::from_parts(parts, body.to_bytes())).await,
        Err(_) => {
            let mut refusal = Response::new(Bytes::new());
            *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            Reply::Send(refusal)
        }
    };
    match reply {
        Reply::Send(response) => Ok(response.map(|body| Outgoing::whole(body, guard))),
        Reply::Truncate(mut response) => {
            let length = response.body().len();
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
            Ok(response.map(|body| Outgoing::half(&body, guard)))
        }
        Reply::Close => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "closed on purpose")),
    }
}

/// A body that counts as in flight until it is written, and that may break off.
struct Outgoing {
    chunk: Option<Bytes>,
    breaks: Option<bool>,
    _guard: InFlightGuard,
}

impl Outgoing {
    fn whole(body: Bytes, guard: InFlightGuard) -> Self {
        Self { chunk: (!body.is_empty()).then_some(body), breaks: None, _guard: guard }
    }

    fn half(body: &Bytes, guard: InFlightGuard) -> Self {
        Self { chunk: Some(body.slice(..body.len() / 2)), breaks: Some(false), _guard: guard }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(chunk) = self.chunk.take() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match self.breaks {
            None => Poll::Ready(None),
            // One turn of waiting lets hyper flush what it has, so that the peer sees half and not nothing.
            Some(false) => {
                self.breaks = Some(true);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(true) => Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunk.is_none() && self.breaks.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.chunk, self.breaks) {
            (Some(chunk), None) => SizeHint::with_exact(chunk.len() as u64),
            (None, None) => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[derive(Debug)]
    struct ByPath;

    #[async_trait]
    impl Handler for ByPath {
        async fn handle(&self, request: Request<Bytes>) -> Reply {
            match request.uri().path() {
                "/close" => Reply::Close,
                "/cut" => Reply::Truncate(Response::new(Bytes::from_static(b"0123456789"))),
                _ => Reply::Send(Response::new(request.into_body())),
            }
        }
    }

    fn exchange(server: &Server, path: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        write!(stream, "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi").unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn it_serves_without_the_callers_runtime() {
        let in_flight = InFlight::default();
        let server = Server::start(0, ServerThread::Current, in_flight.clone(), Arc::new(ByPath)).unwrap();
        assert!(exchange(&server, "/echo").ends_with("hi"));
        assert_eq!(exchange(&server, "/close"), "");
        assert!(exchange(&server, "/cut").ends_with("01234"));
        assert_eq!(in_flight.count(), 0);
        let address = server.address();
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
}
