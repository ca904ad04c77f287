//! What went wrong before there was an answer, and whether the request may have been applied.

use std::{error::Error as _, time::Duration};

use reqwest::Url;

use super::Request;
use crate::{Error, ErrorKind, Retry};

const SOON: Duration = Duration::from_secs(2);

/// The request could not be sent, or its answer did not come back whole.
pub(super) fn lost(request: &Request, error: reqwest::Error) -> Error {
    let host = error.url().and_then(authority);
    let error = error.without_url();
    if no_tls(&error) {
        let message = "the connection needs TLS and no backend is compiled in; enable the connector's feature `rustls` or \
                       `native-tls`, or a TLS feature of reqwest";
        return Error::new(ErrorKind::Input, request.operation, message, Retry::Never).with_source(error);
    }
    if error.is_builder() {
        return Error::new(ErrorKind::Input, request.operation, "the request could not be built", Retry::Never)
            .with_source(error);
    }
    let (message, retry) = if error.is_connect() {
        (
            "no connection could be made, so nothing was sent; check the network, a proxy and the base address",
            Retry::After(SOON),
        )
    } else if error.is_timeout() {
        (
            "the answer did not come in time; where that lasts, check the network or allow a longer timeout",
            request.uncertain(SOON),
        )
    } else {
        (
            "the connection was lost before the answer was whole; where that lasts, check the network and what stands in between",
            request.uncertain(SOON),
        )
    };
    let lost = Error::new(ErrorKind::Unavailable, request.operation, message, retry).with_source(error);
    match host {
        Some(host) => lost.with_context("host", host),
        None => lost,
    }
}

/// Host and port, where it is not the scheme's own; never the path or query.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Without a TLS backend, the HTTP connector refuses the scheme, in words only.
fn no_tls(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.to_string().contains("scheme is not http") {
            return true;
        }
        cause = inner.source();
    }
    false
}

pub(super) fn too_late(request: &Request) -> Error {
    let message = "the request could not leave in time and was not sent";
    Error::new(ErrorKind::Limited, request.operation, message, Retry::After(Duration::ZERO))
}

pub(super) fn too_long(request: &Request, limit: usize) -> Error {
    let retry = if request.creating { Retry::Verify } else { Retry::Never };
    Error::new(ErrorKind::Protocol, request.operation, "the answer is longer than allowed", retry)
        .with_context("limit", limit)
}

pub(super) fn redirected(request: &Request, status: u16) -> Error {
    let retry = if request.creating { Retry::Verify } else { Retry::Never };
    let message = "the server answered with a redirect, which is never followed; check the base address";
    Error::new(ErrorKind::Protocol, request.operation, message, retry).with_context("status", status)
}
