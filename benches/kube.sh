#!/usr/bin/env bash
# A real etcd and kube-apiserver to measure on, from KUBEBUILDER_ASSETS, in FOLDER: it writes
# FOLDER/admin.kubeconfig, and serves until it is stopped. Needs openssl. With
# kube-controller-manager beside them, it runs too, which fills the aggregated roles.
#
#   benches/kube.sh FOLDER [PORT]
set -euo pipefail
assets=${KUBEBUILDER_ASSETS:?names the folder with etcd and kube-apiserver}
port=${2:-26443}
mkdir -p "$1"; cd "$1"
issue() { # NAME SUBJECT EXTENSIONS
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "$2" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" \
    -extfile <(printf '%s\n' "$3") 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=ca \
  -keyout ca.key -out ca.crt 2>/dev/null
issue server /CN=kube-apiserver "subjectAltName=IP:127.0.0.1,DNS:localhost"
issue admin /O=system:masters/CN=admin "extendedKeyUsage=clientAuth"
openssl genrsa -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
b64() { base64 -w0 "$1"; }
cat > admin.kubeconfig <<K
apiVersion: v1
kind: Config
current-context: admin
clusters: [{name: real, cluster: {server: "https://127.0.0.1:$port", certificate-authority-data: $(b64 ca.crt)}}]
users: [{name: admin, user: {client-certificate-data: $(b64 admin.crt), client-key-data: $(b64 admin.key)}}]
contexts: [{name: admin, context: {cluster: real, user: admin}}]
K
chmod 600 admin.kubeconfig
# An API server whose etcd is gone does not stop by itself.
trap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT
trap exit TERM INT
"$assets/etcd" --name=bench --data-dir=etcd --listen-client-urls=http://127.0.0.1:$((port+1)) \
  --advertise-client-urls=http://127.0.0.1:$((port+1)) --listen-peer-urls=http://127.0.0.1:$((port+2)) \
  --initial-advertise-peer-urls=http://127.0.0.1:$((port+2)) --initial-cluster=bench=http://127.0.0.1:$((port+2)) \
  > etcd.log 2>&1 &
"$assets/kube-apiserver" --etcd-servers=http://127.0.0.1:$((port+1)) --bind-address=127.0.0.1 \
  --secure-port="$port" --advertise-address=127.0.0.1 --endpoint-reconciler-type=none --cert-dir=made \
  --tls-cert-file=server.crt --tls-private-key-file=server.key --client-ca-file=ca.crt \
  --authorization-mode=RBAC --service-account-issuer=https://kubernetes.default.svc \
  --service-account-key-file=sa.pub --service-account-signing-key-file=sa.key \
  --service-cluster-ip-range=10.0.0.0/24 > apiserver.log 2>&1 &
if [[ -x $assets/kube-controller-manager ]]; then
  "$assets/kube-controller-manager" --kubeconfig=admin.kubeconfig --leader-elect=false --secure-port=0 \
    --use-service-account-credentials=true --service-account-private-key-file=sa.key --root-ca-file=ca.crt \
    --controllers=serviceaccount-controller,serviceaccount-token-controller,namespace-controller,clusterrole-aggregation-controller,root-ca-certificate-publisher-controller,garbage-collector-controller \
    > controllers.log 2>&1 &
fi
wait -n
