# consul-template runs nginx as its child, renders its configuration out of Consul and reloads it on every change.
# In this directory: FLOW_NGINX_LISTEN=8080 consul-template -config consul-template.hcl
# CONSUL_HTTP_ADDR and CONSUL_HTTP_TOKEN name the agent and the token.

template {
  source      = "nginx.conf.ctmpl"
  destination = "nginx.conf"

  # Changes that come together cost one reload.
  wait {
    min = "100ms"
    max = "1s"
  }
}

exec {
  command       = ["nginx", "-p", ".", "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]
  reload_signal = "SIGHUP"
  # QUIT lets requests in flight end.
  kill_signal   = "SIGQUIT"
  kill_timeout  = "30s"
}
