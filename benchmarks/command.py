import argparse, tempfile
from pathlib import Path
from django.db import connection
from benchmarks.reconciling import measure
from benchmarks.measure import Cost
def run(arguments):
    p=argparse.ArgumentParser(); p.add_argument("--orders",type=int,default=20000); a=p.parse_args(arguments)
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    import time
    t0=time.time()
    with tempfile.TemporaryDirectory() as d:
        for row in measure(a.orders, Path(d), lambda s: print(f"{time.time()-t0:6.1f}",s,flush=True)):
            c=row.looked.cost
            print(row.name,row.orders,f"{row.orders/c.core:.0f}/s core  wall {c.wall:.2f} client {c.client:.2f} server {c.server:.2f} peak {c.peak:.0f}", row.wrong, row.looked.lines)
            for x in row.looked.passes: print("    ",x.predicate,x.looked,x.found,f"{x.seconds:.3f}")
    if 1: 
        print(connection.settings_dict["NAME"])
    return 0
