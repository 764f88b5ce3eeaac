//! Writes of an identity provider: kept at once, or after the application behind the endpoint has taken them.

use endpoint_store::{StoreError, Tx};

use super::Exchange;

/// Writes into the directory of the request's endpoint.
pub(super) async fn write<T: Send + 'static>(
    x: &Exchange,
    write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Clone + Send + Sync + 'static,
) -> Result<T, StoreError> {
    x.scim.deliverer.write_in(&x.endpoint().id, write).await
}
