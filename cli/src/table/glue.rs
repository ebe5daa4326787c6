//! Tables of Glue, as resources of `template.yaml`.

use spillway_compact::table::{Table, Tables};
use spillway_shared::stream::StreamName;

use super::folder_of;
use super::names::{name_of, resource_of};
use super::sql::{columns, properties};

/// A resource for each table, in YAML. The template has the resources `Bucket` and `Database` and the condition
/// `HasTables`.
pub(super) fn resources(tables: &Tables) -> String {
    tables.iter().map(|(stream, table)| resource(stream, table)).collect::<Vec<_>>().join("\n\n")
}

fn resource(stream: &StreamName, table: &Table) -> String {
    let (name, place) = (name_of(stream), format!("s3://${{Bucket}}/{}", folder_of(stream, table)));
    format!(
        "  {resource}:
    Type: AWS::Glue::Table
    Condition: HasTables
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseName: !Ref Database
      TableInput:
        Name: '{name}'
        Description: The compacted hours of the stream {stream}
        TableType: EXTERNAL_TABLE
        Parameters:
          EXTERNAL: 'TRUE'
          classification: parquet
{parameters}
        PartitionKeys:
          - {{Name: dt, Type: string}}
          - {{Name: hour, Type: int}}
        StorageDescriptor:
          Columns:
{columns}
          Location: !Sub {place}
          InputFormat: org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat
          OutputFormat: org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat
          SerdeInfo:
            SerializationLibrary: org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        resource = resource_of(&name),
        parameters = lines(parameters(&place)),
        columns =
            lines(columns(table, false).map(|(name, kind)| format!("            - {{Name: {name}, Type: '{kind}'}}"))),
    )
}

/// The properties of the table. In a template `${!dt}` means `${dt}`.
fn parameters(place: &str) -> impl Iterator<Item = String> {
    properties(place).into_iter().map(|(name, value)| match name {
        "storage.location.template" => {
            let value = value.replace("${dt}", "${!dt}").replace("${hour}", "${!hour}");
            format!("          {name}: !Sub {value}")
        }
        _ => format!("          {name}: '{value}'"),
    })
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use spillway_compact::table::{Field, Type};

    use super::*;

    #[test]
    fn a_resource_names_place_columns_and_projection() {
        let stream = StreamName::parse("web-clicks_2").unwrap();
        let table = Table::new(Type::Struct(vec![Field::new("date", Type::Int64)]));
        let resources = resources(&Tables::from([(stream, table)]));
        for part in [
            "  WebXclicksX2Table:\n",
            "        Name: 'web_clicks_2'\n",
            "            - {Name: payload, Type: 'struct<date:bigint>'}\n",
            "          projection.hour.digits: '2'\n",
            "          storage.location.template: !Sub \
             s3://${Bucket}/lake/stream=web-clicks_2/v=1/dt=${!dt}/hour=${!hour}/\n",
            "          Location: !Sub s3://${Bucket}/lake/stream=web-clicks_2/v=1/\n",
        ] {
            assert!(resources.contains(part), "{part} is not in {resources}");
        }
    }
}
