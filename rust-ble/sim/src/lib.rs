//! Virtual controllers and the air between them.
