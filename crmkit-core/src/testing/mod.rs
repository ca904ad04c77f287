//! Mocks, clocks and conformance suites for tests of connectors, ledgers and hosts.
