# Reports which products are running low: GET /?below=5
#
# It finds product through Consul and asks it over its web API. Perl's core modules are all it needs.
use strict;
use warnings;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;

# What a service asks is next to it: never through a proxy.
my $http = HTTP::Tiny->new( timeout => 5, proxy => undef, http_proxy => undef, https_proxy => undef );
my $json = JSON::PP->new->canonical;

sub fetch {
    my ( $url, $body ) = @_;
    my $answer = defined $body
        ? $http->post( $url, { content => encode_json($body), headers => { 'Content-Type' => 'application/json' } } )
        : $http->get($url);
    die "$url answered $answer->{status}\n" unless $answer->{success};
    return decode_json( $answer->{content} );
}

sub find_instance {
    my ($service) = @_;
    my $consul = $ENV{FLOW_CONSUL_ADDR} // '127.0.0.1:8500';
    $consul = "http://$consul" unless $consul =~ m{://};
    my $instances = fetch("$consul/v1/health/service/$service?passing");
    my $found = $instances->[0] or die "no instance of $service is healthy\n";
    return "http://$found->{Service}{Address}:$found->{Service}{Port}";
}

sub report {
    my ($below) = @_;
    my $products = fetch( find_instance('product') . '/api/common.Product/Search', {} )->{products} // [];
    my @low = map { { id => $_->{id}, name => $_->{name}, stock => ( $_->{stock} // 0 ) + 0 } }
        grep { ( $_->{stock} // 0 ) < $below } @$products;
    return { below => $below + 0, products => [ sort { $a->{stock} <=> $b->{stock} || $a->{id} cmp $b->{id} } @low ] };
}

sub respond {
    my ($path) = @_;
    return ( '200 OK', { status => 'ok' } ) if $path eq '/healthz';
    my ($below) = $path =~ /[?&]below=([^&]*)/;
    $below //= 5;
    return ( '400 Bad Request', { message => 'below must be a number' } ) unless $below =~ /^\d+$/;
    my $report = eval { report($below) };
    return ( '200 OK', $report ) if defined $report;
    chomp( my $message = $@ );
    return ( '503 Service Unavailable', { message => $message } );
}

my $server = IO::Socket::INET->new(
    LocalAddr => $ENV{FLOW_HOST} // '127.0.0.1',
    LocalPort => $ENV{PORT},
    Listen    => 64,
    ReuseAddr => 1,
) or die "cannot listen on port $ENV{PORT}: $@\n";
$| = 1;
print "stock-report listens on port $ENV{PORT}\n";

$SIG{CHLD} = 'IGNORE';
while ( my $client = $server->accept ) {
    my $child = fork // next;
    if ( $child == 0 ) {
        alarm 10;
        my ( undef, $path ) = split / /, <$client> // '';
        while ( defined( my $line = <$client> ) ) { last if $line =~ /^\r?\n$/ }
        my ( $status, $value ) = respond( $path // '/' );
        my $body = $json->encode($value);
        print $client "HTTP/1.1 $status\r\nContent-Type: application/json\r\nContent-Length: ", length $body,
            "\r\nConnection: close\r\n\r\n$body";
        exit 0;
    }
    close $client;
}
