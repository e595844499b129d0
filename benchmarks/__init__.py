"""What the engine costs and how fast it is: `make bench`, or `python -m benchmarks W0 W1`.

Every workload is a module with a `run(bench: Bench) -> Rows`, named in `registry.py`. The figures
hold for the machine they were measured on; what compares between machines is a ratio measured in
one run. docs/performance.md says what each workload measures.
"""
