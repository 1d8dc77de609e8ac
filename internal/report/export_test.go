package report

// CountBy has Prove count so many rows with a statement.
func (s *Store) CountBy(n int32) { s.step = n }
