//! All objects of a bucket, whichever run stored them.

use std::io;
use std::path::Path;

use super::run::{Kind, Object};

/// The objects in the folder `root`.
pub(super) fn objects(root: &Path) -> io::Result<Vec<Object>> {
    let (mut objects, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if let Ok(key) = path.strip_prefix(root) {
                let key = key.to_string_lossy().into_owned();
                objects.push(Object { kind: Kind::of(&key), key, path });
            }
        }
    }
    Ok(objects)
}
