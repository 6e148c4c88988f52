"""A hollow cluster: a real control plane whose nodes are small programs that run our pods, and nothing else, as a kubelet would."""
