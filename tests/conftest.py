"""Makes what the tests share (`data_generators`) importable from every folder of tests."""
