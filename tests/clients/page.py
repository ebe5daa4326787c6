def browse(): pass
