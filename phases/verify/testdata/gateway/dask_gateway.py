"""Stands in for dask-gateway's client module: the part of its interface that client.py uses, over a cluster on this machine.

Gateway(address=None), Gateway.new_cluster(), GatewayCluster.scale(n), .get_client() and .shutdown() are as its API reference has them.
"""
import os

from distributed import Client, LocalCluster


class Gateway:
    def __init__(self, address=None):
        self.address = address

    def new_cluster(self):
        return GatewayCluster(self.address)


class GatewayCluster:
    def __init__(self, address):
        self.address = address
        self.cluster = LocalCluster(n_workers=0, threads_per_worker=1, processes=False, dashboard_address=None, host="127.0.0.1", protocol="tcp://")

    def scale(self, n):
        self.cluster.scale(n)

    def get_client(self, set_as_default=True):
        return Client(self.cluster, set_as_default=set_as_default)

    def shutdown(self):
        self.cluster.close()
        with open(os.environ["STANDIN_ENDED"], "w") as f:
            f.write(self.address or "")
