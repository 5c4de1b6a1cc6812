//! Why no client was set up for a cluster.

/// Why an endpoint and a login make no connection, before anything is sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// The server address is not an https URL.
    #[error("the server address '{server}' is not an https URL")]
    Server {
        /// The address.
        server: String,
    },
    /// The TLS server name is not a name.
    #[error("the TLS server name '{name}' is not a host name or an address")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The certificate authority cannot be read.
    #[error("the certificate authority of {server} cannot be read: {reason}")]
    Authority {
        /// The server's address.
        server: String,
        /// What was wrong.
        reason: String,
    },
    /// The system offers no certificate authorities.
    #[error("the system has no certificate authorities, and none is given for {server}")]
    NoSystemRoots {
        /// The server's address.
        server: String,
    },
    /// The client certificate or its key cannot be used.
    #[error("the client certificate for {server} cannot be used: {reason}")]
    ClientCertificate {
        /// The server's address.
        server: String,
        /// What was wrong.
        reason: String,
    },
    /// The token holds characters that no HTTP header carries.
    #[error("the token for {server} holds characters that cannot be sent")]
    Token {
        /// The server's address.
        server: String,
    },
    /// The proxy address cannot be used.
    #[error("the proxy for {server} cannot be used: {reason}")]
    Proxy {
        /// The server's address.
        server: String,
        /// What was wrong.
        reason: String,
    },
    /// There is no runtime to run the connection.
    #[error("the connection to {server} was opened outside of the runtime")]
    NoRuntime {
        /// The server's address.
        server: String,
    },
}
