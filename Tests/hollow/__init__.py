"""A hollow cluster: a real control plane whose nodes are small programs that run our pods as a kubelet would."""
