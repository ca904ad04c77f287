//! A loopback HTTP/1 server that can also lose an answer, which frameworks do not offer.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
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
    /// Resets the connection: without an answer, or after the head and half of the body of one.
    Reset(Option<Response<Bytes>>),
    /// Keeps the connection open and silent until the client gives up.
    Hang,
    /// Sends the head and half of the body of this, then keeps the connection open and silent.
    Stall(Response<Bytes>),
}

impl Reply {
    /// The status that leaves, if any does.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Send(response) | Self::Truncate(response) | Self::Reset(Some(response)) | Self::Stall(response) => {
                Some(response.status().as_u16())
            }
            Self::Close | Self::Reset(None) | Self::Hang => None,
        }
    }
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
        Self::start_at((Ipv4Addr::LOCALHOST, port).into(), place, in_flight, handler)
    }

    /// Listens on any address, for a simulator in a container. Whoever reaches it may steer it.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start_at(
        address: SocketAddr,
        place: ServerThread,
        in_flight: InFlight,
        handler: Arc<dyn Handler>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
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
                    let socket = Socket { stream, reset: Arc::default() };
                    let reset = socket.reset.clone();
                    let service =
                        service_fn(move |request| answer(request, in_flight.clone(), handler.clone(), reset.clone()));
                    // An error here is a client that went away, or a connection closed on purpose.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// A connection that can be reset instead of closed.
struct Socket {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) {
            // Closed without lingering: the peer sees a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

async fn answer(
    request: Request<Incoming>,
    in_flight: InFlight,
    handler: Arc<dyn Handler>,
    reset: Arc<AtomicBool>,
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
    let half = |mut response: Response<Bytes>, then: Then, guard| {
        let length = response.body().len();
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
        Ok(response.map(|body| Outgoing { chunk: Some(body.slice(..body.len() / 2)), then, _guard: guard }))
    };
    let broken = || Err(io::Error::new(io::ErrorKind::ConnectionAborted, "closed on purpose"));
    match reply {
        Reply::Send(response) => Ok(response.map(|body| Outgoing::whole(body, guard))),
        Reply::Truncate(response) => half(response, Then::Flush, guard),
        Reply::Stall(response) => half(response, Then::Silence, guard),
        Reply::Reset(response) => {
            reset.store(true, Ordering::SeqCst);
            response.map_or_else(broken, |response| half(response, Then::Flush, guard))
        }
        Reply::Close => broken(),
        // The client ends this: its connection closes, and with it this future.
        Reply::Hang => std::future::pending().await,
    }
}

/// A body that counts as in flight until it is written, and that may break off.
struct Outgoing {
    chunk: Option<Bytes>,
    then: Then,
    _guard: InFlightGuard,
}

/// What comes after the chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The end of the body.
    End,
    /// A turn of waiting, in which hyper flushes what it has, so that the peer sees half and not nothing; then a break.
    Flush,
    /// The connection breaks.
    Break,
    /// Nothing, until the client gives up.
    Silence,
}

impl Outgoing {
    fn whole(body: Bytes, guard: InFlightGuard) -> Self {
        Self { chunk: (!body.is_empty()).then_some(body), then: Then::End, _guard: guard }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(chunk) = self.chunk.take() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match self.then {
            Then::End => Poll::Ready(None),
            Then::Flush => {
                self.then = Then::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Then::Break => Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose")))),
            Then::Silence => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunk.is_none() && self.then == Then::End
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.chunk, self.then) {
            (Some(chunk), Then::End) => SizeHint::with_exact(chunk.len() as u64),
            (None, Then::End) => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[derive(Debug)]
    struct ByPath;

    #[async_trait]
    impl Handler for ByPath {
        async fn handle(&self, request: Request<Bytes>) -> Reply {
            match request.uri().path() {
                "/close" => Reply::Close,
                "/reset" => Reply::Reset(None),
                "/reset-body" => Reply::Reset(Some(Response::new(Bytes::from_static(b"0123456789")))),
                "/hang" => Reply::Hang,
                "/stall" => Reply::Stall(Response::new(Bytes::from_static(b"0123456789"))),
                "/cut" => Reply::Truncate(Response::new(Bytes::from_static(b"0123456789"))),
                _ => Reply::Send(Response::new(request.into_body())),
            }
        }
    }

    fn ask(server: &Server, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        write!(stream, "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi").unwrap();
        stream
    }

    fn exchange(server: &Server, path: &str) -> String {
        let mut answer = String::new();
        let _ = ask(server, path).read_to_string(&mut answer);
        answer
    }

    #[test]
    fn it_serves_without_the_callers_runtime() {
        let in_flight = InFlight::default();
        let server = Server::start(0, ServerThread::Current, in_flight.clone(), Arc::new(ByPath)).unwrap();
        assert!(exchange(&server, "/echo").ends_with("hi"));
        assert_eq!(exchange(&server, "/close"), "");
        assert!(exchange(&server, "/cut").ends_with("01234"));
        let reset = ask(&server, "/reset").read(&mut [0; 9]).unwrap_err();
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        let mut whole = Vec::new();
        let reset = ask(&server, "/reset-body").read_to_end(&mut whole).unwrap_err();
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(in_flight.count(), 0);
        let address = server.address();
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
    #[test]
    fn silence_lasts_until_the_client_gives_up() {
        let in_flight = InFlight::default();
        let server = Server::start(0, ServerThread::Current, in_flight.clone(), Arc::new(ByPath)).unwrap();
        for (path, last) in [("/hang", ""), ("/stall", "01234")] {
            let mut stream = ask(&server, path);
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            let mut seen = Vec::new();
            let silent = stream.read_to_end(&mut seen).unwrap_err();
            assert_eq!(silent.kind(), io::ErrorKind::WouldBlock, "{path}");
            assert!(String::from_utf8(seen).unwrap().ends_with(last), "{path}");
            assert_eq!(in_flight.count(), 1, "{path}");
            drop(stream);
            let patience = std::time::Instant::now() + Duration::from_secs(20);
            while in_flight.count() > 0 {
                assert!(std::time::Instant::now() < patience, "{path}: the request is still in flight");
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}
