//! How requests travel: together, within their time, and through proxies.

use std::sync::Mutex;

use futures::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::server::{Pace, config, identity};
use super::*;

async fn eight(client: &kube::Client) {
    for outcome in join_all((0..8).map(|_| ask(client))).await {
        outcome.expect("a namespace");
    }
}

#[tokio::test]
async fn requests_that_start_together_share_one_connection() {
    let answers = vec![answer(200, NAMESPACE)];
    // The first alone, then seven at once: one by one the second would never be answered.
    let pace = Pace::Together(8);
    let server = Server::with(identity(|_| {}), &[b"h2", b"http/1.1"], answers, pace).await;
    let client = connect(&server.endpoint(), token(), limits()).expect("a client");
    eight(&client).await;
    assert_eq!((server.connections(), server.seen().len()), (1, 8));
}

#[tokio::test]
async fn an_old_server_gets_a_bounded_number_of_connections() {
    let answers = vec![answer(200, NAMESPACE)];
    let pace = Pace::After(Duration::from_millis(20));
    let server = Server::with(identity(|_| {}), &[b"http/1.1"], answers, pace).await;
    let client = connect(&server.endpoint(), token(), limits()).expect("a client");
    for outcome in join_all((0..32).map(|_| ask(&client))).await {
        outcome.expect("a namespace");
    }
    assert!(server.connections() <= 9, "{}", server.connections());
}

/// Does something with each connection after TLS.
async fn raw(
    handle: impl Fn(
        tokio_rustls::server::TlsStream<TcpStream>,
        usize,
    ) -> futures::future::BoxFuture<'static, ()>
    + Send
    + Sync
    + 'static,
) -> Server {
    let identity = identity(|_| {});
    let config = config(&identity, &[b"http/1.1"], None);
    Server::raw(config, identity.ca_pem, Arc::new(handle)).await
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let server = raw(|stream, _| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_mins(1)).await;
            drop(stream);
        })
    })
    .await;
    let limits = Limits {
        first: Duration::from_secs(2),
        ..limits()
    };
    let client = connect(&server.endpoint(), token(), limits).expect("a client");
    let begun = Instant::now();
    // Those that wait for the first are not kept longer than it.
    for outcome in join_all((0..100).map(|_| ask(&client))).await {
        let error = outcome.expect_err("silence");
        assert!(
            matches!(error, Error::Timeout { seconds: 2, .. }),
            "{error}"
        );
        assert!(error.is_unreachable() && error.is_outcome_unknown());
    }
    // One after the other they would take two hundred seconds.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(100), "{took:?}");
}

#[tokio::test]
async fn a_server_that_never_shakes_hands_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = Endpoint {
        server: format!("https://{}", listener.local_addr().expect("an address")),
        ca_pem: Some(identity(|_| {}).ca_pem),
        tls_server_name: None,
        proxy_url: None,
    };
    let limits = Limits {
        connect: Duration::from_millis(200),
        ..limits()
    };
    let client = connect(&endpoint, token(), limits).expect("a client");
    let error = ask(&client).await.expect_err("silence");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().contains("no connection within 0.2 s"),
        "{error}"
    );
    drop(listener);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let server = raw(|mut stream, number| {
        Box::pin(async move {
            let mut buffer = [0; 4096];
            let _read = stream.read(&mut buffer).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                NAMESPACE.len()
            );
            let body = if number == 0 {
                &NAMESPACE[..10]
            } else {
                NAMESPACE
            };
            let _wrote = stream.write_all((head + body).as_bytes()).await;
            let _closed = stream.shutdown().await;
        })
    })
    .await;
    let client = connect(&server.endpoint(), token(), limits()).expect("a client");
    ask(&client).await.expect("a namespace at last");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_answer_that_always_breaks_off_is_an_error() {
    let server = raw(|mut stream, _| {
        Box::pin(async move {
            let mut buffer = [0; 4096];
            let _read = stream.read(&mut buffer).await;
            let _wrote = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{")
                .await;
            let _closed = stream.shutdown().await;
        })
    })
    .await;
    let client = connect(&server.endpoint(), token(), limits()).expect("a client");
    let error = ask(&client).await.expect_err("a broken answer");
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_closed_port_is_said_to_be_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let endpoint = Endpoint {
        server: format!("https://{address}"),
        ca_pem: Some(identity(|_| {}).ca_pem),
        tls_server_name: None,
        proxy_url: None,
    };
    let limits = Limits {
        attempts_max: 1,
        ..limits()
    };
    let client = connect(&endpoint, token(), limits).expect("a client");
    let error = ask(&client).await.expect_err("nobody there");
    assert!(error.is_unreachable() && !error.is_outcome_unknown());
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _wrote = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let endpoint = Endpoint {
        server: format!("https://{address}"),
        ca_pem: Some(identity(|_| {}).ca_pem),
        tls_server_name: None,
        proxy_url: None,
    };
    let client = connect(&endpoint, token(), limits()).expect("a client");
    match ask(&client).await {
        Err(Error::Tls {
            fault: TlsFault::NotTls,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
}

/// Runs a proxy that carries bytes to a target, and remembers how it was greeted.
async fn proxy(
    target: std::net::SocketAddr,
    kind: ProxyKind,
) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let log = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&log);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let said = match kind {
                ProxyKind::Socks5 => greet_socks(&mut stream).await,
                ProxyKind::Http | ProxyKind::Https => greet_http(&mut stream).await,
            };
            kept.lock().expect("no panic").push(said);
            let mut onward = TcpStream::connect(target).await.expect("the target");
            let _ended = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
        }
    });
    (address, log)
}

async fn greet_http(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a greeting"));
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\n\r\n")
        .await
        .expect("an answer");
    String::from_utf8_lossy(&head).into_owned()
}

async fn greet_socks(stream: &mut TcpStream) -> String {
    let mut methods = [0; 2];
    stream.read_exact(&mut methods).await.expect("a greeting");
    let mut offered = vec![0; usize::from(methods[1])];
    stream.read_exact(&mut offered).await.expect("methods");
    stream.write_all(&[5, 0]).await.expect("an answer");
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.expect("a request");
    let length = match head[3] {
        1 => 4,
        3 => usize::from(stream.read_u8().await.expect("a length")),
        _ => 16,
    };
    let mut host = vec![0; length];
    stream.read_exact(&mut host).await.expect("a host");
    let port = stream.read_u16().await.expect("a port");
    stream
        .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .expect("an answer");
    format!("{} {port}", String::from_utf8_lossy(&host))
}

/// An endpoint under a name that only the proxy can resolve.
fn behind(server: &Server, proxy: String) -> Endpoint {
    Endpoint {
        server: format!("https://kubernetes:{}", server.address.port()),
        proxy_url: Some(proxy),
        ..server.endpoint()
    }
}

#[tokio::test]
async fn an_http_proxy_is_asked_for_a_tunnel_and_sees_no_token() {
    let server = Server::answering(vec![answer(200, NAMESPACE)]).await;
    let (proxy, log) = proxy(server.address, ProxyKind::Http).await;
    let endpoint = behind(&server, format!("http://me:p%40ss@{proxy}"));
    let client = connect(&endpoint, token(), limits()).expect("a client");
    eight(&client).await;
    let log = log.lock().expect("no panic").clone();
    assert_eq!(log.len(), 1);
    assert!(log[0].starts_with("CONNECT kubernetes:"), "{}", log[0]);
    assert!(log[0].contains("Basic bWU6cEBzcw=="), "{}", log[0]);
    assert!(!log[0].contains("canary"), "{}", log[0]);
    assert_eq!(server.seen().len(), 8);
}

#[tokio::test]
async fn a_socks_proxy_resolves_the_name() {
    let server = Server::answering(vec![answer(200, NAMESPACE)]).await;
    let (proxy, log) = proxy(server.address, ProxyKind::Socks5).await;
    let endpoint = behind(&server, format!("socks5://{proxy}"));
    let client = connect(&endpoint, token(), limits()).expect("a client");
    ask(&client).await.expect("a namespace");
    let expected = format!("kubernetes {}", server.address.port());
    assert_eq!(*log.lock().expect("no panic"), [expected]);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_an_error_and_not_gone_around() {
    let server = Server::answering(vec![answer(200, NAMESPACE)]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _wrote = stream.write_all(b"HTTP/1.1 407 Login first\r\n\r\n").await;
        }
    });
    let mut endpoint = server.endpoint();
    endpoint.proxy_url = Some(format!("http://me:canary@{proxy}"));
    let client = connect(&endpoint, token(), limits()).expect("a client");
    let error = ask(&client).await.expect_err("a refusal");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("through the proxy http://{proxy}")),
        "{error}"
    );
    assert!(!error.to_string().contains("canary"), "{error}");
    assert_eq!(server.seen().len(), 0);
}
