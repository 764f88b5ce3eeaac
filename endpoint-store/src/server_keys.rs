//! Keys of this installation, made when first asked for and shared by all its nodes.

use diesel::prelude::*;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::ids::entropy;
use crate::schema::server_keys;
use crate::writer;

/// The key of this name.
pub(crate) fn get(conn: &mut Conn, name: &str) -> Result<[u8; 32], StoreError> {
    if let Some(key) = find(conn, name)? {
        return Ok(key);
    }
    let made = writer::alone(conn, None, |tx| {
        diesel::insert_into(server_keys::table)
            .values((server_keys::name.eq(name), server_keys::bytes.eq(entropy::<32>().to_vec())))
            .execute(&mut **tx)?;
        Ok(())
    });
    // Another node may have been first; then its key is ours.
    match (find(conn, name)?, made) {
        (Some(key), _) => Ok(key),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(StoreError::Damaged(format!("the key `{name}` cannot be read back"))),
    }
}

fn find(conn: &mut Conn, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
    let bytes: Option<Vec<u8>> = server_keys::table
        .filter(server_keys::name.eq(name))
        .select(server_keys::bytes)
        .get_result(conn)
        .optional()?;
    bytes
        .map(|bytes| {
            bytes.try_into().map_err(|_| StoreError::Damaged(format!("the key `{name}` has a wrong length")))
        })
        .transpose()
}
