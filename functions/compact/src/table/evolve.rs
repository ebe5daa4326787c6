//! Changes a table to hold what a new schema declares: columns are only added.

use super::{Field, PAYLOAD, Table, Type};

/// The table whose columns hold payloads of a type: the columns of `table`, unchanged, and new ones behind them.
///
/// A member with another type gets a new column, `<name>_2`. A column whose member or type is no longer declared is
/// retired: it stays and is null. One that is declared again is used again.
#[must_use]
pub fn evolve(table: &Table, payload: Type) -> Table {
    let mut columns = table.columns.clone();
    merge(&mut columns, vec![Field::new(PAYLOAD, payload)]);
    Table { version: table.version, columns }
}

fn merge(fields: &mut Vec<Field>, declared: Vec<Field>) {
    for field in &mut *fields {
        field.retired = true;
    }
    for Field { name, kind, .. } in declared {
        let known = fields.iter_mut().find(|field| field.member() == name && is_same(&field.kind, &kind));
        match known {
            Some(field) => {
                field.retired = false;
                merge_type(&mut field.kind, kind);
            }
            None => fields.push(added(fields, name, kind)),
        }
    }
}

fn added(fields: &[Field], member: String, kind: Type) -> Field {
    let is_taken = |name: &str| fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
    if !is_taken(&member) {
        return Field::new(&member, kind);
    }
    let mut names = (2..).map(|number| format!("{member}_{number}"));
    let name = names.find(|name| !is_taken(name)).unwrap_or_default();
    Field { member: Some(member), ..Field::new(&name, kind) }
}

/// Whether columns of one type can hold the other after additions.
fn is_same(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::Struct(_), Type::Struct(_)) => true,
        (Type::List(old), Type::List(new)) | (Type::Map(old), Type::Map(new)) => is_same(old, new),
        _ => old == new,
    }
}

fn merge_type(old: &mut Type, new: Type) {
    match (old, new) {
        (Type::Struct(old), Type::Struct(new)) => merge(old, new),
        (Type::List(old), Type::List(new)) | (Type::Map(old), Type::Map(new)) => merge_type(old, *new),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: Vec<Field>) -> Type {
        Type::Struct(fields)
    }

    fn payload(table: &Table) -> &[Field] {
        match &table.columns[0].kind {
            Type::Struct(fields) => fields,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn new_members_are_added_behind_the_others_at_every_level() {
        let table = Table::new(of(vec![Field::new("b", Type::List(of(vec![Field::new("y", Type::Int64)]).into()))]));
        let new = of(vec![
            Field::new("a", Type::String),
            Field::new("b", Type::List(of(vec![Field::new("x", Type::Int64), Field::new("y", Type::Int64)]).into())),
        ]);
        let table = evolve(&table, new);
        let names: Vec<_> = payload(&table).iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        let inner = vec![Field::new("y", Type::Int64), Field::new("x", Type::Int64)];
        assert_eq!(payload(&table)[0].kind, Type::List(of(inner).into()));
    }

    #[test]
    fn a_changed_type_gets_a_new_column_and_the_old_one_serves_again_if_it_returns() {
        let first = Table::new(of(vec![Field::new("n", Type::Int64), Field::new("n_2", Type::String)]));
        let changed = of(vec![Field::new("n", Type::Float64), Field::new("n_2", Type::String)]);
        let second = evolve(&first, changed.clone());
        let new = Field { member: Some("n".to_owned()), ..Field::new("n_3", Type::Float64) };
        assert_eq!(payload(&second)[2], new);
        assert!(payload(&second)[0].retired);
        assert_eq!(evolve(&second, changed), second);
        let third = evolve(&second, first.columns[0].kind.clone());
        assert_eq!(payload(&third).iter().map(|field| field.retired).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn a_removed_member_keeps_its_column() {
        let first = Table::new(of(vec![Field::new("a", Type::Int64), Field::new("b", Type::Int64)]));
        let second = evolve(&first, of(vec![Field::new("b", Type::Int64)]));
        assert_eq!(payload(&second).iter().map(|field| field.retired).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_first_schema_gives_payloads_a_second_column() {
        let table = evolve(&Table::new(Type::Json), of(vec![Field::new("a", Type::Int64)]));
        assert!(table.columns[0].retired);
        assert_eq!((table.columns[1].name.as_str(), table.columns[1].member()), ("payload_2", "payload"));
    }
}
