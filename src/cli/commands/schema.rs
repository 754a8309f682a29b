//! `backout schema`: the JSON schema of a file format, for editors and checks.

use super::super::args::{Global, Schema, SchemaKind};
use super::super::exit::Failure;
use crate::import;
use crate::policy::process::message;
use crate::replication::record::ReplicationRecord;
use crate::scenario::Document;
use crate::study::gate;

pub(super) fn run(global: &Global, schema: &Schema) -> Result<(), Failure> {
    super::format(global, &["text", "json"])?;
    let schema = match schema.kind {
        SchemaKind::Gate => return super::sink(global)?.write(&super::json(&gate::file::schema())?),
        SchemaKind::Scenario => schemars::SchemaGenerator::default().into_root_schema_for::<Document>(),
        SchemaKind::Policy => import::native_schema(),
        SchemaKind::ProcessFile => import::process_schema(),
        SchemaKind::Process => message::schema(),
        SchemaKind::Record => {
            schemars::SchemaGenerator::default().into_root_schema_for::<ReplicationRecord>()
        }
    };
    super::sink(global)?.write(&super::json(&schema)?)
}
